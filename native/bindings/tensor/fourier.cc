#include "signatures/tensor/fourier.h"

#include "cpu/fourier.h"

using namespace scmoe;

SCMOE_EXPORT(fourier) {
  fourier(args.rows, args.columns, args.isInverse, {args.real, args.imaginary}, {args.outReal, args.outImaginary});
  return nullptr;
}
