// Products of rows, wherever each lies, with a filter packed in panels.
//
// A panel has the columns of one cache line, COLUMNS of a type, for each step
// of the depth. Sums of some rows of some panels beside each other, a block,
// stay in registers while the depth runs by: each step loads a line of every
// panel once and one factor of every row.

#define SCALAR float
#define SUFFIX f32
#include "panels_of.h"
#undef SCALAR
#undef SUFFIX

#define SCALAR double
#define SUFFIX f64
#include "panels_of.h"
#undef SCALAR
#undef SUFFIX
