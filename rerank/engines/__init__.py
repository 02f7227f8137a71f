"""Engines that run the vision-language model, one module each; `engine` is their common interface."""
