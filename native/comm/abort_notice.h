#pragma once
#include <string>

#include "comm/error.h"

namespace scmoe::comm {

/// What a rank that gives up tells the others: `<code> <ranks to blame, or -> <text>`.
std::string packAbort(const CommError& error);

/// The failure that a rank has whom `from` told so. What ranks disagree on, and who has left, is the same failure on
/// all of them, whoever sees it first; for any other reason that rank has given up. Text without a code is taken as it
/// is.
CommError readAbort(int from, const std::string& notice);

}  // namespace scmoe::comm
