#!/bin/sh
# From a search to a trained and evaluated language model; docs/worked_example.md explains it.
# Run it in the checkout, with the environment active and the extra lm-eval installed. Interrupted,
# the same command continues. Optional: the output folder, TRIALS, TRAIN and QUESTIONS.
set -eu
OUT=${1:-runs/example}
cd "$(dirname "$0")/.."

aira-dsl search examples/worked_example.arch --evaluator table --sampler tpe --budget "${TRIALS:-40}" --seed 0 --out "$OUT/seed0"
aira-dsl search examples/worked_example.arch --evaluator table --sampler tpe --budget "${TRIALS:-40}" --seed 1 --out "$OUT/seed1"
aira-dsl aggregate "$OUT/seed0" "$OUT/seed1" --top 20 --name voted --out "$OUT/voted.arch"
aira-dsl extrapolate "$OUT/voted.arch" --to 1m --out "$OUT/voted_1m.arch"
aira-dsl show "$OUT/voted_1m.arch"
aira-dsl train "$OUT/voted_1m.arch" --data python-sources ${TRAIN:---tokens 3M --batch 8} --out "$OUT/trained"
aira-dsl questions python-sources --count "${QUESTIONS:-500}" --out "$OUT/questions"
aira-dsl evaluate "$OUT/trained" --tasks "$OUT/questions/cloze.yaml" --out "$OUT/results"
