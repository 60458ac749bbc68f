// The little of System.Text.Json that the client uses, for a compiler that comes without it (Mono's).
// Same names and the same camelCase rule, so that the client's file is compiled as it is.

using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;

namespace System.Text.Json.Serialization
{
    public enum JsonIgnoreCondition { Never, WhenWritingNull }
}

namespace System.Text.Json
{
    using Serialization;

    public sealed class JsonException : Exception { public JsonException(string message) : base(message) { } }

    public sealed class JsonNamingPolicy
    {
        public static readonly JsonNamingPolicy CamelCase = new JsonNamingPolicy();

        public string ConvertName(string name)
        {
            var letters = name.ToCharArray();
            for (var i = 0; i < letters.Length; i++)
            {
                if (i == 1 && !char.IsUpper(letters[i])) break;
                var hasNext = i + 1 < letters.Length;
                if (i > 0 && hasNext && !char.IsUpper(letters[i + 1])) break;
                letters[i] = char.ToLowerInvariant(letters[i]);
            }
            return new string(letters);
        }
    }

    public sealed class JsonSerializerOptions
    {
        public JsonNamingPolicy PropertyNamingPolicy { get; set; }
        public JsonIgnoreCondition DefaultIgnoreCondition { get; set; }
    }

    public static class JsonSerializer
    {
        public static string Serialize(object value, Type type, JsonSerializerOptions options)
        {
            var text = new StringBuilder();
            Write(text, value, options);
            return text.ToString();
        }

        public static T Deserialize<T>(string text, JsonSerializerOptions options)
        {
            var reader = new Reader { Text = text };
            return (T)Convert(reader.Value(), typeof(T), options);
        }

        private static void Write(StringBuilder text, object value, JsonSerializerOptions options)
        {
            if (value == null) text.Append("null");
            else if (value is string) text.Append('"').Append(((string)value).Replace("\\", "\\\\").Replace("\"", "\\\"")).Append('"');
            else if (value is IFormattable) text.Append(((IFormattable)value).ToString(value is double ? "R" : null, CultureInfo.InvariantCulture));
            else if (value is IDictionary)
                WriteObject(text, ((IDictionary)value).Keys.Cast<string>().Select(k => Tuple.Create(k, ((IDictionary)value)[k])), options);
            else if (value is IEnumerable)
            {
                var separator = "[";
                foreach (var item in (IEnumerable)value) { text.Append(separator); Write(text, item, options); separator = ","; }
                text.Append(separator == "[" ? "[]" : "]");
            }
            else
                WriteObject(text, value.GetType().GetProperties()
                    .Select(p => Tuple.Create(options.PropertyNamingPolicy.ConvertName(p.Name), p.GetValue(value, null)))
                    .Where(p => p.Item2 != null), options);
        }

        private static void WriteObject(StringBuilder text, IEnumerable<Tuple<string, object>> members, JsonSerializerOptions options)
        {
            text.Append('{');
            var separator = "";
            foreach (var member in members)
            {
                text.Append(separator).Append('"').Append(member.Item1).Append("\":");
                Write(text, member.Item2, options);
                separator = ",";
            }
            text.Append('}');
        }

        private static object Convert(object value, Type type, JsonSerializerOptions options)
        {
            type = Nullable.GetUnderlyingType(type) ?? type;
            if (value == null) return null;
            if (type == typeof(string) || type == typeof(double)) return value;
            if (type == typeof(int)) return (int)(double)value;
            if (type == typeof(double[])) return ((List<object>)value).Cast<double>().ToArray();
            if (type == typeof(Dictionary<string, double>))
                return ((Dictionary<string, object>)value).ToDictionary(e => e.Key, e => (double)e.Value);
            if (value is List<object>)
            {
                var list = (IList)Activator.CreateInstance(type);
                foreach (var item in (List<object>)value) list.Add(Convert(item, type.GetGenericArguments()[0], options));
                return list;
            }
            var made = Activator.CreateInstance(type);
            foreach (var property in type.GetProperties())
            {
                object member;
                if (((Dictionary<string, object>)value).TryGetValue(options.PropertyNamingPolicy.ConvertName(property.Name), out member))
                    property.SetValue(made, Convert(member, property.PropertyType, options), null);
            }
            return made;
        }

        private sealed class Reader
        {
            public string Text;
            private int at;

            public object Value()
            {
                Skip();
                if (at >= Text.Length) throw new JsonException("it ends too early");
                switch (Text[at])
                {
                    case '{': return Object();
                    case '[': return List();
                    case '"': return String();
                    case 'n': at += 4; return null;
                    case 't': at += 4; return true;
                    case 'f': at += 5; return false;
                }
                var start = at;
                while (at < Text.Length && "+-.eE0123456789".IndexOf(Text[at]) >= 0) at++;
                if (at == start) throw new JsonException("unexpected " + Text[at]);
                return double.Parse(Text.Substring(start, at - start), CultureInfo.InvariantCulture);
            }

            private void Skip() { while (at < Text.Length && char.IsWhiteSpace(Text[at])) at++; }

            private bool Next(char end) { Skip(); if (Text[at] == end) { at++; return false; } if (Text[at] == ',') at++; Skip(); return true; }

            private object Object()
            {
                var members = new Dictionary<string, object>();
                at++;
                while (Next('}')) { var name = String(); Skip(); at++; members[name] = Value(); }
                return members;
            }

            private object List()
            {
                var items = new List<object>();
                at++;
                while (Next(']')) items.Add(Value());
                return items;
            }

            private string String()
            {
                var text = new StringBuilder();
                for (at++; Text[at] != '"'; at++)
                {
                    if (Text[at] == '\\') at++;
                    text.Append(Text[at]);
                }
                at++;
                return text.ToString();
            }
        }
    }
}
