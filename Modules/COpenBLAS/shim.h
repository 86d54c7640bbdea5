// CBLAS, and what OpenBLAS tells of itself.
#ifndef CONVOLUTIONS_COPENBLAS_SHIM_H
#define CONVOLUTIONS_COPENBLAS_SHIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>

#include <cblas.h>

// Another CBLAS in OpenBLAS's place has none of these: weak, so that the
// program still starts and computes.
#pragma weak openblas_get_corename
#pragma weak openblas_get_config
#pragma weak openblas_get_num_threads
#pragma weak openblas_set_num_threads

// Whether products are OpenBLAS's: there may be another BLAS before it, such as
// one of Debian's alternatives for libblas.so.3 that the program is linked with.
static inline int conv_blas_is_openblas(void) {
  Dl_info product, query;
  return openblas_get_corename && openblas_get_config &&
         openblas_get_num_threads && openblas_set_num_threads &&
         dladdr((const void *)cblas_sgemm, &product) &&
         dladdr((const void *)openblas_get_corename, &query) &&
         product.dli_fbase == query.dli_fbase;
}

#endif
