"""Clean pages of HTML on Spark: ``spark-submit model/examples/clean_with_spark.py OUT``, or with ``python``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from dechrome.batch.cleaning import Options
from dechrome.batch.records import Fields
from dechrome.integrations.spark import clean_dataframe

PAGES = Path(__file__).parents[2] / "datasets" / "pages"

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # or the workers run whatever python3 is on their path
spark = SparkSession.builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "256").getOrCreate()
pages = spark.read.format("binaryFile").load(f"{PAGES}/*.html").repartition(8)
cleaned = clean_dataframe(pages, Options(fields=Fields(html="content", id="path"), facts=True))
cleaned.where("dechrome_status = 'kept'").write.parquet(sys.argv[1])
spark.stop()
