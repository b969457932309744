#pragma once
#include <cstdint>

#include "core/arena.h"
#include "cpu/activation.h"

namespace scmoe {

/// Whether an expert of so many rows is multiplied here, in bf16.
bool tilesExpert(int64_t rows, int64_t d, int64_t f);

/// The weights of one expert; biases may be null.
struct ExpertWeights {
  const float *w1 = nullptr, *b1 = nullptr, *w2 = nullptr, *b2 = nullptr;
};

/// What the backward pass of an expert writes; `squares`, if any, gets the sums of the squares of dW1 and of dW2 added.
struct ExpertGradients {
  float *dx, *dW1, *dB1, *dW2, *dB2;
  double* squares;
};

/// Feed-forward layers of experts in bf16, one after the other, each with enough rows that its products are more than
/// its weights: these are read once from memory, piece by piece, while other pieces are multiplied
/// (docs/decisions.md#expert-pieces). The bits are those of linear.h with what is kept rounded, whatever the number of
/// rows and of threads.
class TiledExperts {
 public:
  /// Memory of `scope`, for the calling thread and its team.
  TiledExperts(Arena::Scope& scope, int64_t d, int64_t f, Activation activation);

  /// y (rows, d) and, unless they are null, the hidden layer before and after the activation (rows, f) in bf16.
  /// `next` are the weights of the expert that follows, if any.
  void forward(int64_t rows, const ExpertWeights& of, const float* x, float* y, uint16_t* pre, uint16_t* hidden,
               const ExpertWeights& next);
  void backward(int64_t rows, const ExpertWeights& of, const float* dy, const float* x, const uint16_t* pre,
                const uint16_t* hidden, const ExpertWeights& next, const ExpertGradients& to);

 private:
  struct Rooms;
  template <Activation A>
  void forwardBy(int64_t rows, const ExpertWeights& of, const float* x, float* y, uint16_t* pre, uint16_t* hidden,
                 const ExpertWeights& next);
  template <Activation A>
  void backwardBy(int64_t rows, const ExpertWeights& of, const float* dy, const float* x, const uint16_t* pre,
                  const uint16_t* hidden, const ExpertWeights& next, const ExpertGradients& to);

  const int64_t d_, f_;
  const Activation activation_;
  Rooms* rooms_;
};

}  // namespace scmoe
