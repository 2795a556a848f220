# Applies DLOCK_SANITIZE to everything that is built below.
if(DLOCK_SANITIZE)
  add_compile_options(-fsanitize=${DLOCK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1 -O1)
  add_link_options(-fsanitize=${DLOCK_SANITIZE})
endif()
