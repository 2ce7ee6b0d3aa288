"""Clean plain text with Hugging Face datasets: ``python model/examples/clean_with_datasets.py OUT.jsonl``."""

from __future__ import annotations

import sys
from pathlib import Path

from datasets import load_dataset

from dechrome.batch.cleaning import Options
from dechrome.integrations.huggingface import clean_dataset

PAGES = Path(__file__).parents[2] / "datasets" / "pages"

if __name__ == "__main__":
    texts = load_dataset("text", data_files=str(PAGES / "*.txt"), sample_by="document", split="train")
    cleaned = clean_dataset(texts, Options(facts=True), num_proc=2)
    cleaned.filter(lambda row: row["dechrome_status"] == "kept").to_json(sys.argv[1])
