"""distilabel with its OpenAILLM: prompt, answer, check, dataset.

`python benchmarks/peers/distilabel_arm.py URL ROWS.jsonl FOLDER BATCH` prints one line of JSON; runs in distilabel's
environment, with the variables that overhead.py sets. A batch is what its stages hand on, and how many requests are in
flight. No cache is used.
"""

import json
import sys
import time

from check import satisfied
from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts, StepInput, step
from distilabel.steps.tasks import TextGeneration


@step(inputs=["generation", "spec"], outputs=["correct"])
def check(inputs: StepInput):
    """Adds the verdict."""
    for row in inputs:
        row["correct"] = satisfied(row["generation"] or "", row["spec"])
    yield inputs


def main(url: str, path: str, folder: str, batch: str) -> None:
    """Runs the pipeline and prints what it took."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows = [{"instruction": row["prompt"], "spec": row["spec"]} for row in rows]
    size = int(batch)
    started = time.perf_counter()
    with Pipeline(name="overhead", cache_dir=folder) as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=size)
        llm = OpenAILLM(
            model="stub",
            base_url=url,
            api_key="none",
            generation_kwargs={"max_new_tokens": 512, "temperature": 0.6},
        )
        load >> TextGeneration(llm=llm, input_batch_size=size) >> check(input_batch_size=size)
    dataset = pipeline.run(use_cache=False)["default"]["train"]
    seconds = time.perf_counter() - started
    print(json.dumps({"rows": len(dataset), "correct": sum(dataset["correct"]), "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
