"""Visualized BGE: images as tokens of a BGE text encoder (Zhou et al. 2024, arXiv:2406.04292).

The names of the parameters are those of the published files. The text encoder's layers are transformers' own; its
embeddings are written out here, since images need positions and a norm of their own.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as fn
from transformers import PretrainedConfig
from transformers.models.bert.modeling_bert import BertEncoder
from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaEncoder

from service.encoders.compiled.choice import Pass
from service.encoders.options import BackendName
from service.encoders.visualized_bge.config import VisionConfig
from service.encoders.visualized_bge.passes import ImagePass, SequencePass, compile_images, compile_sequences
from service.encoders.visualized_bge.vision import VisionTower


class TextEmbeddings(nn.Module):
    """Tables and norm in front of the text encoder."""

    def __init__(self, config: PretrainedConfig) -> None:
        """Uninitialized weights."""
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def words(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Token ids [n, length] at `positions` (same shape, or [length]) → [n, length, width]; all of type 0."""
        total = self.word_embeddings(ids) + self.token_type_embeddings.weight[0]
        out: Tensor = self.LayerNorm(total + self.position_embeddings(positions))
        return out

    def patches(self, tokens: Tensor) -> Tensor:
        """Image tokens [n, patches, width] at positions 1, 2, …; they have no token type."""
        places = self.position_embeddings.weight[1 : 1 + tokens.shape[1]]
        out: Tensor = self.LayerNorm(tokens + places)
        return out


class VisualHalf(nn.Module):
    """Holds the vision tower under the name it has in the files."""

    def __init__(self, config: VisionConfig) -> None:
        """Uninitialized weights."""
        super().__init__()
        self.visual = VisionTower(config)


class VisualizedBge(nn.Module):
    """Texts, images, or both → unit vectors. Created with meaningless weights; see `checkpoint.py` for loading."""

    def __init__(self, text: PretrainedConfig, vision: VisionConfig) -> None:
        """Make the modules. `text` is a BERT or XLM-RoBERTa configuration of the vision tower's width."""
        super().__init__()
        text = copy.deepcopy(text)
        text._attn_implementation = "sdpa"
        self.text_config, self.vision_config = text, vision
        self.is_bert = text.model_type == "bert"
        self.bge_encoder = (BertEncoder if self.is_bert else XLMRobertaEncoder)(text)
        self.bge_embeddings = TextEmbeddings(text)
        self.model_visual = VisualHalf(vision)
        self.visual_proj = nn.Linear(vision.width, text.hidden_size)
        self._see: Pass | None = None
        self._read: Pass | None = None

    def compile_passes(self, backend: BackendName) -> None:
        """Let graphs compute where they give the same as the modules, which are freed then. For float32 on the CPU."""
        images = ImagePass(self.model_visual.visual, self.visual_proj)
        see = compile_images(images, self.vision_config, backend)
        if see is not images:
            self._see = see
            del self.model_visual, images  # before the next copy of weights is made
        sequences = SequencePass(self.bge_encoder)
        read = compile_sequences(sequences, self.text_config, backend)
        if read is not sequences:
            self._read = read
            del self.bge_encoder

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the weights."""
        return self.visual_proj.weight.dtype

    @property
    def text_limit(self) -> int:
        """Most tokens of a text alone, special tokens included. XLM-RoBERTa leaves its first positions unused."""
        longest: int = self.text_config.max_position_embeddings
        return longest if self.is_bert else longest - self.text_config.pad_token_id - 1

    @property
    def composed_limit(self) -> int:
        """Most tokens of a text with an image."""
        longest: int = self.text_config.max_position_embeddings
        return longest - self.vision_config.image_tokens

    def image_tokens(self, pixels: Tensor) -> Tensor:
        """Normalized pixels [n, 3, size, size] → image tokens [n, patches, width] in the text encoder's space."""
        out: Tensor = (self._see or ImagePass(self.model_visual.visual, self.visual_proj))(pixels)
        return out

    def embed_text(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids [n, length] → float32 [n, width]. `mask`: bool [n, length], False for padding at the right.

        No mask: nothing is padded.
        """
        return self._pool(self.bge_embeddings.words(ids, self._text_positions(ids)), mask)

    def embed_composed(self, pixels: Tensor, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Pixels [n, 3, size, size] with their texts, as in `embed_text` → float32 [n, width].

        The sequence is [CLS], image tokens, the rest of the text; an image alone comes with the empty text's ids.
        Positions count 0, 1, … along the sequence for both text encoders, though XLM-RoBERTa's own begin at 2.
        """
        images = self.bge_embeddings.patches(self.image_tokens(pixels))
        places = torch.arange(ids.shape[1], device=ids.device)
        positions = places + images.shape[1] * (places > 0)
        words = self.bge_embeddings.words(ids, positions)
        sequence = torch.cat((words[:, :1], images, words[:, 1:]), dim=1)
        return self._pool(sequence, None if mask is None else fn.pad(mask, (images.shape[1], 0), value=True))

    def _text_positions(self, ids: Tensor) -> Tensor:
        if self.is_bert:
            return torch.arange(ids.shape[1], device=ids.device)
        real = ids.ne(self.text_config.pad_token_id)
        positions: Tensor = real.cumsum(dim=1) * real + self.text_config.pad_token_id
        return positions

    def _pool(self, sequence: Tensor, mask: Tensor | None) -> Tensor:
        """The encoder's output at CLS, as a float32 unit vector."""
        vectors: Tensor = (self._read or SequencePass(self.bge_encoder))(sequence, mask)
        return vectors
