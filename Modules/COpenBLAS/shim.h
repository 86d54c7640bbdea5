// OpenBLAS's CBLAS interface and its run-time queries.
#ifndef CONVOLUTIONS_COPENBLAS_SHIM_H
#define CONVOLUTIONS_COPENBLAS_SHIM_H

#include <cblas.h>

#endif
