# Reads the standard headers that most files use once per target: a fifth of the compilation. The presets dev and tidy do
# without, and so see what a file forgets to include.
function(dlock_precompile target)
  target_precompile_headers(${target} PRIVATE <algorithm> <chrono> <condition_variable> <functional> <map> <memory>
    <mutex> <optional> <string> <vector>)
endfunction()
