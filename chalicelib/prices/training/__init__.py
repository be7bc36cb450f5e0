"""The lab's work, for jobs and notebooks: from a checked experiment to a model ready to publish.

In the order of a run: `data`, `columns`, `folds`, `estimators`, `fitting`, `search`, `comparison`,
`conformal`, `figures`, `run`.
"""
