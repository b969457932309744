#pragma once
#include "cpu/strided.h"

namespace scmoe {

/// Copies elements of 1 or 4 bytes along a walk: operand 0 is the source, operand 1 the target, and the walk's
/// dimensions are in the target's order. Transpose, slice, concat, pad, tile and reverse are all such walks. Source and
/// target don't overlap.
void copyStrided(int elementBytes, const void* source, void* target, Strided<2> walk);

}  // namespace scmoe
