#pragma once
#include <cstdint>

#include "cpu/element_type.h"

namespace scmoe {

/// Converts `count` elements as JavaScript's typed arrays do: to int32 by ToInt32, to bool by `x != 0`.
void cast(ElementType from, const void* x, ElementType to, void* out, int64_t count);

}  // namespace scmoe
