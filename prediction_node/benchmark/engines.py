"""What can run the network, by name, and the library whose release matters."""

ENGINES = {
    'onnx': 'onnxruntime',
    'onnx-cuda': 'onnxruntime',
    'torch': 'torch',
    'torch-cuda': 'torch',
    'tensorrt': 'tensorrt',
}
