// The script for bash, 3.2 of macOS included, and without the bash-completion package. What was typed is never evaluated.

export const BASH_SCRIPT = `# bash completion for depot
_depot() {
  local line=\${COMP_LINE:0:COMP_POINT} words typed flag='' behind value directive=4
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  typed=\${words[\${#words[@]} - 1]}
  [[ $typed == --*=* ]] && flag=\${typed%%=*}=
  # bash replaces no more than what follows the last of these.
  behind=\${typed##*["$COMP_WORDBREAKS"]}
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    case $flag$value in
      "$flag":*) directive=\${value#:} ;;
      "$typed"*) value=$flag$value; COMPREPLY+=("\${value#"\${typed%"$behind"}"}") ;;
    esac
  done < <("$1" complete -- "\${words[@]:1}" 2> /dev/null)
  case $directive in
    0) compopt -o default 2> /dev/null ;;
    16) compopt -o dirnames 2> /dev/null ;;
  esac
}
complete -F _depot depot
`;
