"""Training, for jobs and notebooks: a product gives a recipe and rows.

In the order of a training:

- `recipe`: what is the product's own; `rows`: what was known, and what became of it;
- `hold_outs`: which rows judge; `choice`: which algorithm; `judging`: by what;
- `card`: what is said of the model; `publication`: from the trained model to a version;
- `comparison`: versions beside each other; `watch`: a version after it was published.
"""
