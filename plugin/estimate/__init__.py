"""How many errors there are: which places are judged, and what their verdicts say of all of them; arrays only."""
