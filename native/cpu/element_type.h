#pragma once

namespace scmoe {

/// TF.js's numeric dtypes; a bool is one byte, 0 or 1.
enum class ElementType { kFloat32, kInt32, kBool };

}  // namespace scmoe
