// LAPACKE: norms for verification and the benchmark, never for the hot path.
#ifndef CONVOLUTIONS_CLAPACKE_SHIM_H
#define CONVOLUTIONS_CLAPACKE_SHIM_H

// The complex declarations need <complex.h>, which Swift does not import.
#define HAVE_LAPACK_CONFIG_H
#define LAPACK_COMPLEX_STRUCTURE
#include <lapacke.h>

#endif
