"""Cleaning whole corpora: streamed, parallel, resumable, nothing lost."""
