"""Previsto's library: one core, four products. Chalice ships this folder to Lambda."""
