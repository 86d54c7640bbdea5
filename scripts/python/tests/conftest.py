"""What all tests here need before they import anything."""

import os

# TensorFlow's own kernels, whose words and arithmetic ours are compared with: on
# CPUs with AVX-512 it would take oneDNN's.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
