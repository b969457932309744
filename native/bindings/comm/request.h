#pragma once
#include "comm/request.h"
#include "signatures/comm/communicator.h"

namespace scmoe::comm {

/// The collective that `args` ask for, on a communicator of `size` ranks. @throws ArgumentError naming the argument
/// where counts and arrays of this rank don't fit together: nothing that is started reads or writes outside of its
/// arrays.
Request readRequest(const Call& call, const signatures::commStart& args, int rank, int size);

}  // namespace scmoe::comm
