"""CLIP, Chinese-CLIP, SigLIP, TIPS and BGE-VL: two towers, one space; a composed query is the sum of its two parts."""
