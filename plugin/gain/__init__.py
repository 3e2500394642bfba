"""What clean masks are worth: the same model trained on the given and on the clean ones, judged on verified masks."""
