"""Who runs the vision-language model. One module an engine; `base` is what they have in common."""
