"""The transformer of an encoder run by OpenVINO, converted in memory from the torch module; the rest is as with torch."""

from __future__ import annotations

import warnings
from typing import Any

from curatekit.encoders.forward import TorchModel, quiet_transformers

_HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoModel(TorchModel):
    """An encoder whose transformer is run by OpenVINO on the CPU."""

    def __init__(self, modules: Any, max_tokens: int, precision: str) -> None:
        super().__init__(modules, max_tokens, "cpu", precision)
        import openvino
        import torch

        example = self._tokenizer(["An example.", "Another, longer example."], padding=True, return_tensors="pt")
        inputs = {name: example[name] for name in ("input_ids", "attention_mask")}
        # Tracing looks at every attribute, deprecated ones too, and warns of each shape that it takes for a constant; the
        # tests compare batches of many shapes with torch.
        with warnings.catch_warnings(action="ignore"), quiet_transformers():
            graph = openvino.convert_model(_hidden_states(modules[0].model), example_input=inputs)
        options = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._request = openvino.Core().compile_model(graph, "CPU", options).create_infer_request()

    def _states(self, features: dict[str, Any]) -> dict[str, Any]:
        import torch

        inputs = [features["input_ids"].numpy(), features["attention_mask"].numpy()]
        outputs = self._request.infer(inputs, share_inputs=True, share_outputs=True)
        states = [torch.from_numpy(outputs[number]) for number in range(len(outputs))]
        return features | {"token_embeddings": states[-1], "all_layer_embeddings": states}


def _hidden_states(transformer: Any) -> Any:
    """Return a torch module from tokens to the tuple of hidden states."""
    import torch

    class HiddenStates(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, input_ids: Any, attention_mask: Any) -> tuple[Any, ...]:
            output = self.transformer(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
            return tuple(output.hidden_states)

    return HiddenStates()
