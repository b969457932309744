#pragma once
#include <cstddef>

#include "comm/request.h"

namespace scmoe::comm {

/// How a tensor's values look while they travel. The copy between a tensor and pinned memory passes through a core
/// anyway, so what NCCL does otherwise than `reduce()` is put right there:
///   - bf16 is reduced as float32 and rounded once, NCCL would round at every hop;
///   - a maximum of floats is one of integers in the same order, with NaN at the top, NCCL would lose NaN;
///   - a mean is a sum that is scaled on the way back.
struct Passage {
  DType host = DType::kFloat32;
  DType wire = DType::kFloat32;
  bool ordered = false;  // float32 values as int32 keys
  float scale = 1;       // of values on their way back
};

Passage passageOf(const Request& request, int size);

/// Whether values travel as they are, so that nobody has to touch them on the way.
inline bool isPlain(const Passage& passage) { return passage.host == passage.wire && passage.scale == 1; }

/// Elements [begin, begin + count) of `host` as they travel.
void pack(const Passage& passage, const void* host, size_t begin, size_t count, void* wire);
/// The way back.
void unpack(const Passage& passage, const void* wire, void* host, size_t begin, size_t count);

}  // namespace scmoe::comm
