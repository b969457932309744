#pragma once
#include <cstdint>

namespace scmoe {

/// out (count, d) = rows of table (vocabulary, d). Throws on an id outside the table.
void embeddingForward(int64_t count, int64_t d, int64_t vocabulary, const int32_t* ids, const float* table, float* out);
/// dTable (vocabulary, d): sums of the rows of dOut with the same id, in token order whatever the number of threads.
void embeddingBackward(int64_t count, int64_t d, int64_t vocabulary, const int32_t* ids, const float* dOut,
                       float* dTable);
/// The same sums, added to what dTable has.
void addEmbeddingGradient(int64_t count, int64_t d, int64_t vocabulary, const int32_t* ids, const float* dOut,
                          float* dTable);

}  // namespace scmoe
