#pragma once
#include "tensorflow/operation_call.h"

namespace scmoe::tensorflow {

/// What a call names, from the arguments of tfExecute or tfGraphAdd.
template <typename Arguments>
OperationCall operationOf(const Arguments& args) {
  return {args.operation, args.attributes, args.numAttributeBytes, args.inputs,
          args.numInputs, args.groups,     args.numGroups};
}

}  // namespace scmoe::tensorflow
