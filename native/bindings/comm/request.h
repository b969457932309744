#pragma once
#include "comm/engine.h"
#include "comm/request.h"
#include "signatures/comm/communicator.h"

namespace scmoe::comm {

/// The collective that `args` ask for, on a communicator over `engine`. @throws ArgumentError naming the argument
/// where counts and arrays of this rank don't fit together: nothing that is started reads or writes outside of its
/// arrays.
Request readRequest(const Call& call, const signatures::commStart& args, const Engine& engine);

}  // namespace scmoe::comm
