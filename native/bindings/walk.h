#pragma once
#include "bindings/call.h"
#include "cpu/strided.h"

namespace scmoe {

/// A walk over two operands, checked for itself; what it reaches is a length of the operands.
Strided<2> readWalk(const Call& call, size_t index, const char* name);

/// Product of the sizes.
Length elements(const Strided<2>& walk);

/// Elements that an operand must have so that the walk stays in it, from `offset` on; more than any array has where it
/// would run below its beginning.
Length reach(const Strided<2>& walk, Length operand, Length offset = {0});

}  // namespace scmoe
