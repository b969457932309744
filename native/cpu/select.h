#pragma once
#include <cstdint>

namespace scmoe {

/// out[i] = condition[i] ? whenTrue[i] : whenFalse[i], elements of 1 or 4 bytes.
void select(int elementBytes, const uint8_t* condition, const void* whenTrue, const void* whenFalse, void* out,
            int64_t count);

}  // namespace scmoe
