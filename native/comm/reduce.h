#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "comm/dtype.h"

namespace scmoe::comm {

/// target[i] = reduction over all sources[r][i], in the order of the ranks: every rank that computes an element gets
/// the same bits, in every run. bf16 is summed in float32 and rounded once. NaN wins a max. int32 sums wrap around.
/// `target` may be one of the sources. Runs on the calling thread alone: it is the communication thread's work.
void reduce(DType dtype, Reduction reduction, const std::vector<const void*>& sources, void* target, size_t elements);

/// Rounds to nearest even.
void toBf16(const float* source, uint16_t* target, size_t elements);
void fromBf16(const uint16_t* source, float* target, size_t elements);

}  // namespace scmoe::comm
