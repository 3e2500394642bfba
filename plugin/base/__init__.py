"""What everything uses: errors, progress, where the work runs, parameters."""
