"""The resources that a catalog and a load need: memory, machines, GPUs, network and cost. Formulas, without hidden
assumptions.
"""
