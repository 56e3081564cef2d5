"""Every stage of arcmill, by name. A new stage is one line here; all else follows from its declaration.

A stage's module is imported when the stage is run or described, so that a command costs no more the more stages there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from arcmill.errors import UsageError

if TYPE_CHECKING:
    from arcmill.stage import Stage


class Listed(NamedTuple):
    """A stage, as far as it is known before its module is imported."""

    module: str
    help: str  # the declaration's own line; a test holds the two together


# fmt: off
STAGES = {
    "ingest-web": Listed("ingest.web", "Read WARC, ARC, HTML files and tars of them; extract the main text of each page."),
    "reparse-web": Listed("ingest.reparse", "Parse kept pages again, with code blocks, tables and formulas laid out in Markdown and LaTeX."),
    "ingest-text": Listed("ingest.text", "Read JSON lines, CSV or Parquet tables of texts, with a column mapping."),
    "ingest-problems": Listed("ingest.problems", "Read benchmarks and problem sets from JSON lines, CSV or Parquet, with a column mapping."),
    "ingest-conversations": Listed("ingest.conversations", "Read conversations in OpenAI's or ShareGPT's form, from JSON lines, Parquet or CSV."),
    "ingest-environment": Listed("ingest.environment", "Read the documentation, licences and sources of this Python: real text without a download."),
    "ingest-code": Listed("ingest.code.stage", "Read git repositories, bundles, source archives and source trees: a document a file, with language and licence."),
    "ingest-forge": Listed("ingest.forge.stage", "Read issues, pull requests, reviews and commits: git histories, JSON of GitHub's API, rows of issues with patches."),
    "identify-language": Listed("filters.language", "Name the language of each document and keep the wanted ones."),
    "filter-web": Listed("filters.web.stage", "Drop low-quality web text by URL, Gopher, C4 and FineWeb rules; replace personal data"),
    "train-quality": Listed("filters.quality.train", "Train a calibrated classifier that tells good documents from bad ones."),
    "score-quality": Listed("filters.quality.score", "Score the quality of each document from 0 to 1 with one classifier or several."),
    "select-code-web": Listed("filters.code_web.stage", "Select web pages about code: recall by marks of code or a classifier, then three tiers of quality."),
    "bucket-quality": Listed("filters.buckets", "Sort documents into quality buckets with epoch weights, by token-weighted quantiles of the score."),
    "sample-stem": Listed("filters.stem.sample", "Draw documents to be labelled for train-stem, as many from each stratum."),
    "train-stem": Listed("filters.stem.train", "Learn the educational value for mathematics and science, 0 to 5, from labelled documents."),
    "score-stem": Listed("filters.stem.score", "Score documents for mathematics and science from 0 to 5, and up-sample those over the threshold."),
    "grade-documents": Listed("filters.grading.stage", "Grade documents with a language model by a rubric: labels for train-stem and train-code-quality."),
    "filter-code": Listed("filters.code.stage", "Drop source files by StarCoder's and OpenCoder's rules: generated, minified, data, long lines, repetition ..."),
    "train-code-quality": Listed("filters.code_quality.train", "Train classifiers of code quality, one a programming language, on labelled files."),
    "score-code": Listed("filters.code_quality.score", "Score source files with one quality model a language, and sort them into low, medium and high."),
    "dedup-exact": Listed("dedup.exact", "Merge documents (or problems) whose normalised text is the same; the best survives."),
    "sign-minhash": Listed("dedup.sign", "Keep the MinHash band keys of documents or problems, for dedup-minhash to compare later crawls with."),
    "dedup-minhash": Listed("dedup.minhash", "Merge near-duplicates: MinHash candidates, each verified by exact Jaccard; the best survives."),
    "decontaminate": Listed("dedup.contamination.stage", "Drop documents or problems that hold benchmark items, or cut the items out, whatever their wrapping."),
    "embed": Listed("dedup.semantic.embed", "Make a unit vector of each document with a sentence-transformers model, for dedup-semantic."),
    "dedup-semantic": Listed("dedup.semantic.stage", "Merge documents of like meaning (SemDeDup over vectors) and pages of one template, greedy against survivors."),
    "index-documents": Listed("arcmill.search.stage", "Index documents for search (BM25 over passages, English and Chinese; optionally with embeddings)."),
    "concat-repo": Listed("sequences.repository.stage", "Put the files of a repository into contexts, in the order of their imports, and issues with their commits."),
    "count-tokens": Listed("sequences.count_tokens", "Count the tokens of each document by a tokenizer, for mix to meet its budget to the token."),
    "mix": Listed("sequences.mix", "Mix named datasets to a token budget: sources by weight, documents by their epochs, shuffled."),
    "train-tokenizer": Listed("sequences.tokenizer", "Train a byte-level BPE tokenizer with the control tokens of GLM-4.5."),
    "import-tokenizer": Listed("sequences.tokenizer_import", "Check a published tokenizer (tokenizer.json, tiktoken or tekken file, model folder) and write it in one form."),
    "format-fim": Listed("sequences.fim.stage", "Rearrange source code for fill-in-the-middle: PSM and SPM, spans of characters and of syntax nodes."),
    "render-chat": Listed("sequences.render_chat", "Render conversations as documents of a chat dialect, with the characters that are in the loss, for mix and pack."),
    "pack": Listed("sequences.pack", "Tokenise documents and pack them into sequences of one length."),
    "remove-documents": Listed("sequences.remove", "Remove documents from packed sequences or any dataset, by id: only the rows and parts that hold them change."),
    "collect-problems": Listed("synth.problems.collect", "Read published problem sets (GSM8K, MATH, AQuA, HumanEval, BBH and alike) with answers and solutions."),
    "make-arithmetic": Listed("synth.problems.arithmetic", "Make arithmetic problems of a chosen difficulty, with exact answers."),
    "solve-arithmetic": Listed("synth.problems.solve", "Write the working of problems of make-arithmetic, step by step and exact: reasoning without a model."),
    "synth-search-qa": Listed(
        "synth.search_qa.stage",
        "Make multi-hop search questions from a knowledge graph, each with the proof that its answer is the only one.",
    ),
    "extract-problems": Listed("synth.problems.extract", "Ask a language model for questions that documents answer, and keep those whose answer stands there."),
    "rewrite-questions": Listed("synth.search_qa.wording.rewrite", "Rewrite template questions in natural words, and refuse what no longer says the same."),
    "select-prompts": Listed("synth.problems.select", "Drop the prompts with the shortest responses, which teach least."),
    "synth-reasoning": Listed("synth.reasoning.stage", "Ask a model for solutions of problems, several samples each, with the reasoning apart from the answer."),
    "reject-samples": Listed("synth.rejection.stage", "Keep the samples that are well formed, verified right, well judged, and keep to the tool protocol."),
    "estimate-difficulty": Listed("synth.difficulty", "Measure how often a model solves each problem, in a class for the curriculum."),
    "write-pages": Listed("synth.search_qa.corpus", "Write a page about each thing of a graph from its edges: a generated corpus for the search environment."),
    "link-pages": Listed("synth.search_qa.pages", "Find the pages that say each hop of a question; drop questions that the documents cannot answer."),
    "filter-search-qa": Listed("synth.search_qa.filter", "Drop questions that need no search, that one search answers, or that the documents answer otherwise; measure the rest."),
    "make-search-tasks": Listed("synth.search_qa.tasks", "Make agent tasks of questions: the tools of a search index, the answer as the goal."),
    "build-graph": Listed("synth.graph.build", "Build a knowledge graph of triples, N-Triples, Wikidata, MetaQA, CoDEx, tables, extracted edges or installed packages."),
    "build-nodes": Listed("synth.graph.nodes", "Gather names, types and documents of a graph's nodes and relations, and join the ids that mean one thing."),
    "extract-graph": Listed("synth.graph.extract", "Ask a language model for the facts that documents state, and keep those whose sentence stands there."),
    "suggest-obfuscations": Listed("synth.search_qa.passages.stage", "Pick passages about a titled thing, mask its name, and suggest vaguer words for details, for people to review."),
    "apply-review": Listed("synth.search_qa.review.stage", "Take back a review: keep what people accepted or edited, with who and when; ledger what they refused."),
    "collect-tools": Listed("agent_data.tools.stage", "Collect tools from OpenAPI documents, function schemas, Python functions, MCP servers and descriptions in words."),
    "export-sft": Listed("sequences.export_sft", "Write conversations in the columns that SFT frameworks read (TRL, verl, Llama-Factory), as text, or as tokens."),
    "export-rl": Listed("sequences.export_rl", "Write problems, calls of trajectories or tasks of agents as RL prompts with their checker, for slime and verl."),
    "synth-trajectories": Listed("agent_data.trajectories.stage", "Let an agent do tasks in their environments, with a simulated user in dialogues: a conversation each, whatever its end."),
    "judge-trajectories": Listed("agent_data.judges.stage", "Play trajectories again and keep those that end in the goal's state, tell the user, keep the policy, and pass the panel."),
    "select-trajectories": Listed("agent_data.judges.select", "Keep at most n trajectories of each task, judged right and unlike one another."),
    "collect-tasks": Listed("agent_data.tasks.collect", "Read published agent tasks with gold calls (tau-bench's form), and execute them to their goals."),
    "synth-tasks": Listed("agent_data.tasks.stage", "Make tasks for agents in an environment, each with gold calls executed to its goal; or of collected tools."),
    "reword-tasks": Listed("agent_data.tasks.reword", "Put tasks in natural words by a language model, and refuse what no longer asks for the same."),
}
# fmt: on


@cache
def get_stage(name: str) -> Stage:
    """The declaration of a stage; UsageError names the nearest ones where there is none."""
    if name not in STAGES:
        from difflib import get_close_matches

        near = get_close_matches(name, STAGES, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(STAGES)}"
        raise UsageError(f"unknown stage '{name}'; {hint}")
    stage: Stage = import_module(STAGES[name].module).STAGE
    return stage


@cache
def find_stage(name: str) -> Stage:
    """A stage as a command or a recipe names it: of arcmill, or `module:NAME` of the user's own, which is imported.

    Never called with a name that stands in data: that is what `get_stage` is for. UsageError where there is none.
    """
    if ":" not in name:
        return get_stage(name)
    from arcmill.outside import file_of, imported
    from arcmill.stage import Stage

    found = imported(name, f"stage '{name}'")
    if not isinstance(found, Stage):
        raise UsageError(f"stage '{name}': is a {type(found).__name__}, not an arcmill.stage.Stage")
    if found.name in STAGES or not _OWN_NAME.fullmatch(found.name):
        why = "is a stage of arcmill's" if found.name in STAGES else "must be of small letters, digits and '-'"
        raise UsageError(f"stage '{name}': its name '{found.name}' {why}")
    return replace(found, place=name, model_files=_with_code(found, file_of(name)))


_OWN_NAME = re.compile(r"[a-z][a-z0-9-]*")


def _with_code(stage: Stage, file: str | None) -> Any:
    """Model files of a stage of the user's own: its code is one, so that a dataset made by other code is another dataset."""
    import os

    def files(config: Any) -> Mapping[str, str]:
        held = stage.model_files(config) if stage.model_files else []
        named = dict(held) if isinstance(held, Mapping) else {path: os.path.basename(path) for path in held}
        return {**named, **({file: os.path.basename(file)} if file else {})}

    return files
