#pragma once
#include <cstdint>

namespace scmoe {

struct LinearCrossEntropy {
  int64_t rows, dIn, classes;
  /// The weight is (classes, dIn), as an embedding, and not (dIn, classes).
  bool transposed;
  int32_t ignore;
  float smoothing;
  /// Logits that are there at a time: so many that the products, which read all of the weight for each piece, are fast.
  int64_t pieceFloats = int64_t{16} << 20;
};

/// crossEntropyForward of x (rows, dIn) weight + bias (classes), which may be null, without a matrix of rows x classes:
/// its rows are made in pieces, each of which gives its part of the gradients before the next one takes its place (Hsu
/// et al., "Liger Kernel", arXiv 2410.10989, section 3.2). The gradients are those of the mean itself; null where they
/// are not wanted.
void linearCrossEntropy(const LinearCrossEntropy& shape, const float* x, const float* weight, const float* bias,
                        const int32_t* targets, float* loss, float* dx, float* dWeight, float* dBias);

/// A gradient times a factor, where it is: by 1, as of a loss that is not scaled, nothing is read.
void scaleGradient(int64_t count, float factor, float* gradient);

}  // namespace scmoe
