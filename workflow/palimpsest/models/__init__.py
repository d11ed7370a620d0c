"""Make or load a model and its tokenizer, and save them as a Hugging Face folder."""
