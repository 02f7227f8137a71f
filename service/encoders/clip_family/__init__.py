"""CLIP, Chinese-CLIP, SigLIP, Marqo-Ecommerce, TIPS and BGE-VL: two towers, one space.

A composed query is the sum of its two parts.
"""
