"""How far the scores can be trusted: planted errors, corrected masks, figures."""
