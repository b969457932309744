#pragma once
#include <cstdint>

/// Weights that are not float32 row by row, for inference: they are read from memory as they are stored and become
/// float32 in registers. Every number is a float32 one, so that a product with them is the product with expandWeight(),
/// bit for bit where float32 products are our own.
namespace scmoe {

enum class WeightFormat { kFloat32, kBf16, kInt8 };

/// Rows of a matrix (dIn, dOut) that share the scale of a column in int8, as in llama.cpp's Q8_0.
constexpr int64_t kScaleRows = 32;
inline int64_t scaleBlocks(int64_t dIn) { return (dIn + kScaleRows - 1) / kScaleRows; }

/// One matrix (dIn, dOut), or several one behind the other: float, uint16_t or int8_t in panels (weight_panels.h), with
/// scales (scaleBlocks(dIn), dOut) in panels for int8. Or each of them transposed, (dOut, dIn) of float or uint16_t,
/// wherever it lies: as files of others have it.
struct StoredWeight {
  WeightFormat format;
  const void* values;
  const float* scales;
  const void* const* transposed = nullptr;

  /// Matrix `index` of several.
  StoredWeight matrix(int64_t index, int64_t dIn, int64_t dOut) const;
};

/// Rounds `count` matrices to nearest even. int8: the scale of 32 numbers of a column is their largest magnitude / 127.
/// Returns false where int8 meets a number that is not finite.
bool storeWeight(int64_t count, int64_t dIn, int64_t dOut, const float* from, WeightFormat format, void* values,
                 float* scales);

/// `count` matrices as float32, with all threads.
void expandWeight(int64_t count, int64_t dIn, int64_t dOut, const StoredWeight& weight, float* to);

/// y (rows, dOut) = x (rows, dIn) weight (dIn, dOut), in float32, where nothing else is said. Many rows are
/// multiplied in the current precision unless `float32`, with matrices of bf16 and with those that lie transposed.
void storedProduct(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight, bool float32,
                   float* y);

}  // namespace scmoe
