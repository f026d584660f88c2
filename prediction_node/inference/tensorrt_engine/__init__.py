"""The network as TensorRT engines: built from the exported ONNX, kept in a cache, run on a GPU."""
