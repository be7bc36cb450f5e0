"""Models of any product: made, published, judged and served.

A product names its model (`registry.ModelName`: a tenant's), declares `columns`, and reads the
rest in this order:

- `versions`: listed, shown, loaded, promoted, rolled back; `schemas` is what is said of them;
- `registry`, `promotion`: the rows behind that; `model_cache`, `serving`, `explain`: answering;
- `health`, `schemas_health`, `monitoring`: whether a version can still be trusted;
- `training`: everything that needs scikit-learn, reached from jobs only.
"""
