from django import forms

from .models import Book, Note


class BookForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = ['title', 'author', 'pages', 'status']


class NoteForm(forms.ModelForm):
    class Meta:
        model = Note
        fields = ['rating', 'text']
        widgets = {'text': forms.Textarea(attrs={'rows': 3})}
