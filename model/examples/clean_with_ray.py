"""Clean pages of HTML on Ray Data: ``python model/examples/clean_with_ray.py OUT``.

On a cluster, start it on the head node (``ray job submit``) and read and write shared storage, such as ``s3://``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import ray

from dechrome.batch.cleaning import Options
from dechrome.batch.records import Fields
from dechrome.integrations.ray_data import clean_dataset

PAGES = Path(__file__).parents[2] / "datasets" / "pages"

pages = ray.data.read_binary_files(str(PAGES), include_paths=True, file_extensions=["html"])
cleaned = clean_dataset(pages, Options(fields=Fields(html="bytes", id="path"), facts=True), workers=2)
cleaned.write_parquet(sys.argv[1])
