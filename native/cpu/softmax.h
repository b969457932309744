#pragma once
#include <cstdint>

namespace scmoe {

/// out = softmax of each row of x (rows, columns); columns is at least 1. In place works.
void softmax(const float* x, float* out, int64_t rows, int64_t columns);

}  // namespace scmoe
